#include "commands.h"
int command_status(char **argv) { (void)argv; return 0; }
