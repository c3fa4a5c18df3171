-- What is counted is counted in an index alone.

-- With the organization: whoever is shown in the public catalogue is known without the agents.
DROP INDEX agents_public_page;
CREATE INDEX agents_public_page ON agents (created_at DESC, id DESC) INCLUDE (org_id)
    WHERE is_public AND life = 0;
CREATE INDEX organizations_inactive ON organizations (id) WHERE state <> 0;
