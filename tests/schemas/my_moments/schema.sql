-- Zero dates, times that are spans, fractions of seconds, years, and the last second of 2038.
-- Covers: my-zero-dates, my-year-time, my-fractions
-- Only: mysql
SET SESSION sql_mode = 'ANSI_QUOTES,ALLOW_INVALID_DATES';
CREATE TABLE stay (
  id integer PRIMARY KEY,
  booked_on date NOT NULL DEFAULT '0000-00-00',
  arrived_at datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  left_at datetime(3),
  seen_at timestamp NOT NULL DEFAULT '0000-00-00 00:00:00',
  changed_at timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  expires_at timestamp NULL DEFAULT NULL,
  cancelled_on date,
  built year NOT NULL,
  wakes_at time,
  worked time NOT NULL,
  late_by time(2)
);
INSERT INTO stay
SELECT seq,
  if(seq % 5 = 0, '0000-00-00', date '2020-01-01' + interval seq day),
  if(seq % 4 = 0, '0000-00-00 00:00:00', timestamp '2020-01-05 14:30:00' + interval seq hour),
  if(seq % 9 = 0, '2021-00-00 00:00:00', timestamp '2021-01-05 14:30:00.125' + interval seq minute),
  if(seq % 6 = 0, 0, timestamp '2020-06-01 00:00:00' + interval seq minute),
  timestamp '2020-06-01 00:00:00.000001' + interval seq second,
  if(seq % 2 = 0, '2038-01-19 03:14:07', NULL),
  if(seq % 3 = 0, '0000-00-00', NULL),
  if(seq % 8 = 0, 0, 1990 + seq % 30),
  sec_to_time(21600 + seq * 60), sec_to_time(seq * 3600 * 3 % 3000000),
  if(seq % 2 = 0, NULL, sec_to_time(cast(seq AS signed) - 60))
FROM seq_1_to_120;
