"""Errors that a user can act on: one line each, with the exit code that the command line returns."""


class StandpointError(Exception):
    """Something that the user can put right; the message is the one line that is shown."""

    exit_code = 2


class ValidationFailed(StandpointError):
    """Data broke a table-level rule; what was published before is untouched."""

    exit_code = 1


class Conflict(ValidationFailed):
    """Another run was faster; nothing is lost, and what is left can be planned anew."""


class UsageError(StandpointError):
    """An option, argument or configuration value is not one of those allowed."""

    exit_code = 2


class EnvironmentProblem(StandpointError):
    """Something outside the data is missing: model weights, a store, an optional package."""

    exit_code = 3
