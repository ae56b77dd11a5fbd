#include <stdio.h>
#include <qrencode.h>
