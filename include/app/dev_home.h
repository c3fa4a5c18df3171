/* The data directory of "rosterd dev", and the user it runs as. */
#ifndef APP_DEV_HOME_H
#define APP_DEV_HOME_H

#include "app/cli.h"

struct dev_home {
    const char *dir;   /* absolute                                                      */
    const char *ready; /* absolute path of --ready-file; NULL: none                     */
    int lock;          /* held until the process ends                                   */
    int ready_pipe;    /* to the process that still has the rights to write it; -1: none */
    int ready_pid;
};

/* Finds or makes the directory, drops root's rights to its owner, or else to the user rosterd or
 * nobody (and says so), and takes the lock. The working directory is the data directory then.
 * False: said on stderr. Before any thread starts. */
bool dev_home_open(struct dev_home *home, const struct cli *cli);

/* Writes the ready file. False: said on stderr. */
bool dev_home_ready(struct dev_home *home, const char *text);

/* Ends the helper, if any. */
void dev_home_close(struct dev_home *home);

#endif
