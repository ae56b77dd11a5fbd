// What CLibUSB imports: libusb 1.0 from Debian's libusb-1.0-0-dev.
#include <libusb.h>
