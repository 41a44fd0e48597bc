-- Due jobs are taken in the order of this index, a batch at a time: without `priority` in it every batch sorted all that wait.

DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (state, priority, available_at, id);
