"""How commands are found, and how they end."""

import click

from ._arguments import no_such


class Commands(click.Group):
    """Commands that answer a typo with the nearest of them, and an error with one line."""

    def resolve_command(self, ctx, args):
        """Find the command, or tell the nearest."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(no_such("command", args[0], args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx):
        """Run the command; tell what went wrong, and whose fault it was, without a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            resumes = ctx.invoked_subcommand == "evaluate"
            more = " Finished folds are kept: the same command goes on." if resumes else ""
            click.echo(f"\nStopped.{more}", err=True)
            ctx.exit(130)
        except (OSError, ImportError, ValueError) as error:
            if ctx.params["traceback"]:
                raise
            raise _explain(error) from error


class Refusal(click.ClickException):
    """What was asked for cannot be done."""

    exit_code = 2


def _explain(error):
    """Turn an error into one line, and tell what was asked for wrongly from what went wrong."""
    from ..datasets import DataFormatError

    is_asked = isinstance(error, (FileNotFoundError, FileExistsError, NotADirectoryError))
    is_asked |= isinstance(error, ValueError) and not isinstance(error, DataFormatError)
    return (Refusal if is_asked else click.ClickException)(_describe(error))


def _describe(error):
    """Say what happened; the system says it by a number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
