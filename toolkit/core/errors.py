"""The exceptions of the house: each is a caller's mistake and says what was given, what was expected, what to do."""


class ToolkitError(ValueError):
    """Base of every error a caller can mend."""


class KnobError(ToolkitError):
    """A knob was given a value outside its type or range, or a name no knob bears."""


class SpecError(ToolkitError):
    """A shared spec is foreign, of another schema, damaged, or cannot be written for this problem."""


class DataError(ToolkitError):
    """A file, matrix or right-hand side cannot be used as given."""


class Breakdown(ArithmeticError):
    """A method cannot be set up on this problem (a zero pivot, an indefinite matrix): `Run` turns it into a Status."""

    def __init__(self, cause: str, advice: str = ""):
        super().__init__(cause)
        self.cause, self.advice = cause, advice
