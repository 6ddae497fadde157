"""Answers that are not JSON."""

from rest_framework.renderers import JSONRenderer


class TextRenderer(JSONRenderer):
    """Lets a client ask for any text; a problem is answered as JSON all the same."""

    media_type = "text/*"
    format = "text"
