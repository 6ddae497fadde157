"""Errors as steps keep them, and as they are taken up again."""

from adapters import errors


def test_what_was_kept_of_an_error_says_all_that_it_said():
    error = errors.WrongAnswer("It lacks `isolated`.", write=True)
    found = errors.restored({**error.to_dict(), "retry_after": 7.0})
    assert (found.to_dict(), found.retry_after) == (error.to_dict(), 7.0)
