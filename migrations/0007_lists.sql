-- Lists and searches of many agents: an index for each order in which they are read.

CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Nothing counts the living by it any more; the lists of one life are read in this order.
DROP INDEX agents_living;
CREATE INDEX agents_life_page ON agents (org_id, life, created_at DESC, id DESC);
-- The types and owners of /api/v1; an agent of another dialect is "custom" there and has no owner.
CREATE INDEX agents_type_page ON agents (org_id, coalesce(agent_type, 7), created_at DESC, id DESC)
    INCLUDE (agent_type); -- for it alone the expression is read from the index
CREATE INDEX agents_owner_page ON agents (org_id, owner, created_at DESC, id DESC)
    WHERE owner IS NOT NULL;
-- Rare words and categories in one organization, however many others have them. What was inserted
-- lately is read through by each search, so little of it may wait.
DROP INDEX agents_name_trgm;
CREATE INDEX agents_search ON agents USING gin (org_id, task_categories, name gin_trgm_ops)
    WITH (gin_pending_list_limit = 256);
