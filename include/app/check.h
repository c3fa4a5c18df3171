/* Loading the configuration for a verb, and telling its faults. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "app/cli.h"
#include "app/config.h"

/* The configuration of --config (or the standard file), as config_load. */
struct config *check_load(const struct cli *cli, struct list *faults);

/* Writes every fault and their count to stderr; returns EXIT_CONFIG. */
int check_report(const struct list *faults);

#endif
