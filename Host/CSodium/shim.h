#include <stdio.h>
#include <sodium.h>
