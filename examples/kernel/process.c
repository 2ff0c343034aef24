#include "kernel.h"
void processes_run(void) {}
