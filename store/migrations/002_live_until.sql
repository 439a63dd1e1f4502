-- When what a running call waits for is over; NULL: it waits for nothing, or
-- nobody knows.
ALTER TABLE live ADD COLUMN until INTEGER;
