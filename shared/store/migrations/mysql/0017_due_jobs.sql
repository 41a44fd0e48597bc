-- Due jobs are taken in the order of this index, a batch at a time: without `priority` in it every batch sorted all that wait.

ALTER TABLE jobs DROP INDEX jobs_due, ADD INDEX jobs_due (state, priority, available_at, id);
