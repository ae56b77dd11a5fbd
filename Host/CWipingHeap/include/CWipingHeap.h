// A heap that leaves nothing behind: see heap.c.
#pragma once
