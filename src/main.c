/* The one binary: everything is behind the verbs of app/cli. */
#include "app/cli.h"

int
main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
