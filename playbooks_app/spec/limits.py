"""How large anything may be. Every loop over foreign input is bounded by one of these."""

#: Bytes of a playbook file.
FILE_BYTES = 1024 * 1024
#: Nesting of mappings and lists in a playbook file.
FILE_DEPTH = 50
#: Values in a playbook once its aliases are expanded.
FILE_VALUES = 100_000
#: Characters of all scalars in a playbook once its aliases are expanded.
FILE_CHARACTERS = 4 * FILE_BYTES
#: Problems reported for one file.
PROBLEMS = 200

#: Steps in one playbook.
STEPS = 500
#: Steps that one step waits for.
NEEDS = 100
#: Branches of one decision.
BRANCHES = 50
#: Expressions in one playbook.
EXPRESSIONS = 5000
#: Characters of all texts of one playbook that hold expressions.
EXPRESSIONS_CHARACTERS = 256 * 1024
#: Near misses looked for in one file.
SUGGESTIONS = 50
#: Integers from here on are rounded by JSON readers.
INTEGER = 2**53

#: Characters of the source of one expression.
EXPRESSION_CHARACTERS = 4096
#: Nesting of the parse tree of one expression.
EXPRESSION_DEPTH = 40
#: Segments of one path.
PATH_SEGMENTS = 32
#: Characters of one regular expression.
PATTERN_CHARACTERS = 1000
#: Bytes that one compiled regular expression may take.
PATTERN_MEMORY = 8 * 1024 * 1024

#: Characters of one text that an expression or a template yields.
TEXT_CHARACTERS = 256 * 1024
#: Items of one list that a filter yields.
LIST_ITEMS = 10_000

#: Characters of everything that one template renders to, and its nesting.
RENDERED_CHARACTERS = 4 * 1024 * 1024
RENDERED_DEPTH = 100

#: Nesting of if blocks in one template, and of lists and mappings around it.
TEMPLATE_DEPTH = 50
#: Expressions and blocks in one template text.
TEMPLATE_PARTS = 1000
