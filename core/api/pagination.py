"""Cursor pages: stable under inserts, without counting."""

from rest_framework.pagination import CursorPagination


class CursorPages(CursorPagination):
    """Newest first by id, which is ordered by time; `?page_size=` up to 200."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
