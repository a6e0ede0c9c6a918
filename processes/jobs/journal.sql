-- SPDX-License-Identifier: Apache-2.0
-- Statements of the job journal, for SQLite and PostgreSQL alike. :now is the database's own clock (seconds since 1970),
-- so that leases do not depend on the clocks of several hosts; :skip_locked lets workers pass rows another one is taking.

-- name: create_job
CREATE TABLE IF NOT EXISTS carbongrid_job (
    id TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    caller TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    size BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    attempt INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    worker TEXT,
    lease DOUBLE PRECISION,
    progress INTEGER NOT NULL,
    message TEXT,
    problem TEXT,
    made TEXT,
    created DOUBLE PRECISION NOT NULL,
    started DOUBLE PRECISION,
    updated DOUBLE PRECISION NOT NULL,
    finished DOUBLE PRECISION
)

-- name: create_request
CREATE TABLE IF NOT EXISTS carbongrid_request (id TEXT PRIMARY KEY, body :bytes NOT NULL)

-- name: create_open
CREATE INDEX IF NOT EXISTS carbongrid_job_open ON carbongrid_job (status, created)

-- name: create_listed
CREATE INDEX IF NOT EXISTS carbongrid_job_listed ON carbongrid_job (caller, created)

-- name: create_once
CREATE UNIQUE INDEX IF NOT EXISTS carbongrid_job_once ON carbongrid_job (caller, fingerprint)
WHERE caller <> '' AND status IN ('accepted', 'running', 'successful')

-- name: same
SELECT * FROM carbongrid_job
WHERE caller = :caller AND caller <> '' AND fingerprint = :fingerprint
AND status IN ('accepted', 'running', 'successful')

-- name: load
SELECT count(*) AS jobs,
    CAST(COALESCE(sum(size), 0) AS BIGINT) AS bytes,
    CAST(COALESCE(sum(CASE WHEN caller = :caller AND caller <> '' THEN 1 ELSE 0 END), 0) AS BIGINT) AS own
FROM carbongrid_job WHERE status IN ('accepted', 'running')

-- name: accept
INSERT INTO carbongrid_job
    (id, process, caller, fingerprint, state, size, status, attempt, crashes, progress, created, updated)
VALUES (:id, :process, :caller, :fingerprint, :state, :size, 'accepted', 0, 0, 0, :now, :now)
RETURNING *

-- name: keep_request
INSERT INTO carbongrid_request (id, body) VALUES (:id, :body)

-- name: request
SELECT body FROM carbongrid_request WHERE id = :id

-- name: forget_request
DELETE FROM carbongrid_request WHERE id = :id

-- name: find
SELECT * FROM carbongrid_job WHERE id = :id

-- name: listed
SELECT * FROM carbongrid_job
WHERE caller = :caller AND (:status = '' OR status = :status) AND (:process = '' OR process = :process)
ORDER BY created DESC, id LIMIT :limit OFFSET :offset

-- name: counted
SELECT count(*) AS jobs FROM carbongrid_job
WHERE caller = :caller AND (:status = '' OR status = :status) AND (:process = '' OR process = :process)

-- name: claim
UPDATE carbongrid_job SET
    status = 'running', attempt = attempt + 1, worker = :worker, lease = :now + :lease_s,
    crashes = crashes + CASE status WHEN 'running' THEN 1 ELSE 0 END,
    progress = 0, message = NULL, started = COALESCE(started, :now), updated = :now
WHERE id = (
    SELECT id FROM carbongrid_job AS waiting
    WHERE (status = 'accepted' OR (status = 'running' AND lease < :now AND crashes + 1 < :crashes))
    AND (caller = '' OR :running > (
        SELECT count(*) FROM carbongrid_job AS other
        WHERE other.status = 'running' AND other.lease >= :now AND other.caller = waiting.caller))
    ORDER BY created, id LIMIT 1 :skip_locked
)
RETURNING *

-- name: held
SELECT id, attempt FROM carbongrid_job WHERE worker = :worker AND status = 'running'

-- name: renew
UPDATE carbongrid_job SET lease = :now + :lease_s WHERE worker = :worker AND status = 'running'

-- name: progress
UPDATE carbongrid_job SET progress = :progress, message = :message, updated = :now
WHERE id = :id AND attempt = :attempt AND status = 'running'

-- name: succeed
UPDATE carbongrid_job SET
    status = 'successful', progress = 100, message = NULL, made = :made, updated = :now, finished = :now,
    fingerprint = CASE WHEN state = :state THEN fingerprint ELSE id END
WHERE id = :id AND attempt = :attempt AND status = 'running'

-- name: fail
UPDATE carbongrid_job SET status = 'failed', problem = :problem, updated = :now, finished = :now
WHERE id = :id AND attempt = :attempt AND status = 'running'

-- name: fail_at_last
UPDATE carbongrid_job SET
    status = 'failed', crashes = crashes + 1, problem = :problem, updated = :now, finished = :now
WHERE id = :id AND attempt = :attempt AND status = 'running' AND crashes + 1 >= :crashes

-- name: again
UPDATE carbongrid_job SET
    status = 'accepted', crashes = crashes + :crashed, worker = NULL, lease = NULL, progress = 0, message = NULL,
    updated = :now
WHERE id = :id AND attempt = :attempt AND status = 'running'

-- name: give_up
UPDATE carbongrid_job SET
    status = 'failed', crashes = crashes + 1, problem = :problem, updated = :now, finished = :now
WHERE status = 'running' AND lease < :now AND crashes + 1 >= :crashes
RETURNING id

-- name: dismiss
UPDATE carbongrid_job SET status = 'dismissed', made = NULL, problem = NULL, updated = :now,
    finished = COALESCE(finished, :now)
WHERE id = :id AND status <> 'dismissed'

-- name: expired
SELECT id FROM carbongrid_job
WHERE status IN ('successful', 'failed', 'dismissed') AND finished < :now - :keep_s

-- name: forget
DELETE FROM carbongrid_job WHERE id = :id AND status IN ('successful', 'failed', 'dismissed')

-- name: results
SELECT made FROM carbongrid_job WHERE made IS NOT NULL
