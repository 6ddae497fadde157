from django.apps import AppConfig


class PlaybooksConfig(AppConfig):
    name = "playbooks_app"
    verbose_name = "Playbooks"
