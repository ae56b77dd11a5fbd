import MCU
import Startup
MCUInfo.hello()
startup_semihosting_exit(3)
