/* SPDX-License-Identifier: MIT */
/* commands.h - the commands of `seamalloc`; each gets what follows its name */
#ifndef COMMANDS_H
#define COMMANDS_H

int command_run(char **argv);
int command_check(char **argv);
int command_status(char **argv);
int command_compare(char **argv);
int command_messages(char **argv);

#endif
