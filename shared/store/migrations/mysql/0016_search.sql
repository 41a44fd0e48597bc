-- What is searched is parted: who a request is about, a bar, and what was written. Whoever may not read the words of parents and
-- staff finds nothing by them. Of earlier requests only name, address and reference are known to stand before the bar.

UPDATE requests
SET search_text = CONCAT(
  sort_name, ' ',
  LOWER(REPLACE(reference, '-', '')), ' ',
  LOWER(REPLACE(REPLACE(REPLACE(REPLACE(COALESCE(email, ''), '@', ''), '.', ''), '-', ''), '_', '')),
  ' | ', search_text)
WHERE search_text NOT LIKE '%|%';
