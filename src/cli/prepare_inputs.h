/* prepare_inputs.h - the inputs of penstock prepare, as its command line names them. */
#ifndef PS_CLI_PREPARE_INPUTS_H
#define PS_CLI_PREPARE_INPUTS_H

#include "data/prepare.h"

struct ps_prepare_inputs {
    const char **argument; /* owned; borrowed texts: as they were given */
    int arguments;
    size_t argument_capacity;
    struct ps_prepare_input *input; /* owned; what they come to, with texts of `argument` or `path` */
    int inputs;
    size_t capacity;
    char **path; /* owned: of the files of folders */
    size_t paths, path_capacity;
};

void ps_prepare_inputs_add(struct ps_prepare_inputs *inputs, const char *argument);
/* Hands the options what the arguments come to: "cart=FILE" is a file of one behaviour, if cart is one of the options' (unless these are sessions);
 * a folder stands for its files but hidden ones, in the order of their names. */
void ps_prepare_inputs_place(struct ps_prepare_inputs *inputs, struct ps_prepare_options *options);
void ps_prepare_inputs_free(struct ps_prepare_inputs *inputs);

#endif
