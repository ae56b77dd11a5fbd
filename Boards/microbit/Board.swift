import MCU
