"""Schemas of the databases of Optuna and MLflow: revisions that are files of their packages."""

from alembic.script import ScriptDirectory


def read_schemas_once():
    """Let this process read the revisions once, and not anew for each database."""
    read_script, scripts = ScriptDirectory.from_config, {}

    def script(config):
        place = config.get_main_option("script_location")
        if place not in scripts:
            scripts[place] = read_script(config)
        return scripts[place]

    ScriptDirectory.from_config = script
