-- One row: what the session talks to; the parts of the identity that every way in agrees on.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on server system variables.
SELECT VERSION(), DATABASE(), @@hostname, @@port, @@datadir, @@lower_case_table_names,
       @@max_allowed_packet, @@local_infile
