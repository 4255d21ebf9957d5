-- At most one row: the name and value of the variable that tells this server from all others.
-- MariaDB (server_uid, in newer patch releases of 10.5+), MySQL 8 (server_uuid).
-- Relies on server system variables.
SHOW GLOBAL VARIABLES WHERE variable_name IN ('server_uuid', 'server_uid')
