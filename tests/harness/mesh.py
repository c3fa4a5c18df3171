"""Agent types, instances and messages of the mesh, as rows: for flows that need no live agent."""
import uuid


def instance(daemon, agent, agent_type, name=None):
    """A hosted, available instance of an agent, which gets this type; its instance_id."""
    name, key = name or "i-" + uuid.uuid4().hex, str(uuid.uuid4())
    daemon.psql("UPDATE agents SET mesh_type = '%s' WHERE id = '%s'" % (agent_type, agent["id"]))
    daemon.psql(
        "INSERT INTO instances (id, org_id, agent_id, instance_id, mode, url_sealed)"
        " SELECT '%s', org_id, id, '%s', 1, 'x' FROM agents WHERE id = '%s'"
        % (key, name, agent["id"])
    )
    daemon.psql(
        "INSERT INTO instance_states (instance, org_id, agent_id, mode, status)"
        " SELECT id, org_id, agent_id, 1, 0 FROM instances WHERE id = '%s'" % key
    )
    return name


def message(daemon, agent, session=None, state=1):
    """A message to an agent; its id."""
    key = str(uuid.uuid4())
    daemon.psql(
        "INSERT INTO messages (id, org_id, session_id, agent_id, state, request)"
        " SELECT '%s', org_id, %s, id, %d, '{\"messageId\": \"m\"}' FROM agents WHERE id = '%s'"
        % (key, "'%s'" % session if session else "NULL", state, agent["id"])
    )
    return key
