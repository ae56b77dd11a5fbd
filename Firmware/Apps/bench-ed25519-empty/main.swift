// An image that does nothing, to subtract from others.
import Startup

startup_semihosting_exit(0)
