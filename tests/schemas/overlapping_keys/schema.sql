-- Every table carries its tenant, and composite keys share that column.
-- Rows: tenant 24, project 100, member 150, task 400
CREATE TABLE tenant (
  tenant_id integer PRIMARY KEY,
  plan_status varchar(10) NOT NULL
);
CREATE TABLE project (
  tenant_id integer NOT NULL REFERENCES tenant (tenant_id),
  project_no integer NOT NULL,
  budget numeric(12, 2),
  PRIMARY KEY (tenant_id, project_no)
);
CREATE TABLE member (
  tenant_id integer NOT NULL REFERENCES tenant (tenant_id),
  member_no integer NOT NULL,
  email varchar(60) NOT NULL,
  PRIMARY KEY (tenant_id, member_no)
);
CREATE TABLE task (
  id integer PRIMARY KEY,
  tenant_id integer NOT NULL,
  project_no integer NOT NULL,
  assignee_no integer,
  hours integer NOT NULL,
  FOREIGN KEY (tenant_id, project_no) REFERENCES project (tenant_id, project_no),
  FOREIGN KEY (tenant_id, assignee_no) REFERENCES member (tenant_id, member_no)
);
