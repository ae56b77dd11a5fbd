#include <stdio.h>
#include <editline/readline.h>

// libedit is set up through global variables, which Swift does not let several threads touch: these are the only places that do.

typedef char **(*cedit_completer)(const char *text, int start, int end);

/// Sets the program's name, what separates words, and the completer. The pointers are kept.
static inline void cedit_configure(const char *name, char *breaks, cedit_completer completer) {
    rl_readline_name = name;
    rl_completer_word_break_characters = breaks;
    rl_basic_word_break_characters = breaks;  // what libedit looks at
    rl_completion_append_character = 0;
    rl_attempted_completion_function = completer;
}

/// The line as typed so far; may be null.
static inline const char *cedit_line(void) { return rl_line_buffer; }
