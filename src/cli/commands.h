/* commands.h - the subcommands of bin/penstock, one file each in src/cli/ (or src/cli/nightly/).
 *
 * A command gets its own arguments (argv[0] is "penstock NAME", for usage lines), prints its failures itself, once, and
 * returns the process's exit code (enum ps_exit). Adding one: its file, its prototype here, its line in main.c.
 */
#ifndef PS_CLI_COMMANDS_H
#define PS_CLI_COMMANDS_H

#define PS_VERSION "0.1.0"

int cmd_synth(int argc, char **argv);
int cmd_prepare(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_launch(int argc, char **argv);
int cmd_join(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_scale(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_reproduce(int argc, char **argv);
int cmd_nightly(int argc, char **argv);
int cmd_publish(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_recommend(int argc, char **argv);
int cmd_indicators(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_models(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_config(int argc, char **argv);

#endif
