"""Techniques as programs get them: the id, and what is known of it."""

from typing import Any

from rest_framework import serializers


class TechniqueSerializer(serializers.Serializer[Any]):
    """An ATT&CK or D3FEND technique; one that is not known has its id for a name, and no tactics."""

    id = serializers.CharField()
    name = serializers.CharField()
    tactics = serializers.ListField(child=serializers.CharField())
