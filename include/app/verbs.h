/* What each verb of the command line runs; returns the exit code. */
#ifndef APP_VERBS_H
#define APP_VERBS_H

#include "app/cli.h"

/* One for each verb; cli holds its options. Returns the exit code of the process. */
int serve_run(struct cli *cli);
int dev_run(struct cli *cli);
int migrate_up_run(struct cli *cli);
int migrate_status_run(struct cli *cli);
int key_create_run(struct cli *cli);
int credential_create_run(struct cli *cli);
int credential_list_run(struct cli *cli);
int credential_revoke_run(struct cli *cli);
int org_create_run(struct cli *cli);
int org_list_run(struct cli *cli);
int org_policy_run(struct cli *cli);
int signing_key_rotate_run(struct cli *cli);
int signing_key_list_run(struct cli *cli);
int token_bootstrap_run(struct cli *cli);
int check_config_run(struct cli *cli);
int config_example_run(struct cli *cli);
int config_manual_run(struct cli *cli);
int openapi_run(struct cli *cli);

/* Where the configuration is when no --config says so. */
#define CLI_CONFIG_FILE "/etc/rosterd/rosterd.conf"

#endif
