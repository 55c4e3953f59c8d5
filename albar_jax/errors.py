"""The one exception for a mistake that the user can mend."""


class UserError(ValueError):
    """A wrong flag, a missing file, a checkpoint of another shape.

    The message is one clear sentence: what is wrong, where, and how to mend it. Command line programs
    print it without a traceback and exit with status 2.
    """
