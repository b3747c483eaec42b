package engine

// untrustedReasons is the part of the inspection that finds reasons not to trust the table. The owner of the
// table, of its schema or of a function that storing calls can run code with the privileges of this role. $2 is
// a role that may own the table, too.
//
// The trusted roles are this role, the roles that it is a member of, superusers, the owner of the database, and
// $2. Membership is followed step by step, because pg_has_role counts a superuser as a member of every role.
// The query examines the table, its children, the tables below a view, and the sequences of column defaults.
// Built-in functions are not listed as dependencies, so the query ignores them.
const untrustedReasons = `
WITH RECURSIVE
mine(role) AS (
  SELECT oid FROM pg_roles WHERE rolname = current_user
  UNION
  SELECT m.roleid FROM pg_auth_members m JOIN mine ON m.member = mine.role),
trusted(role) AS (
  SELECT role FROM mine
  UNION SELECT oid FROM pg_roles WHERE rolsuper OR rolname IN ($2, 'pg_database_owner')
  UNION SELECT datdba FROM pg_database WHERE datname = current_database()),
used(rel) AS (
  SELECT t.id WHERE t.id IS NOT NULL
  UNION
  SELECT n.rel FROM used, LATERAL (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = used.rel
    UNION ALL
    SELECT d.refobjid FROM pg_rewrite w
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                    AND d.refclassid = 'pg_class'::regclass
    WHERE w.ev_class = used.rel
    UNION ALL
    SELECT d.refobjid FROM pg_attrdef a
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
                    AND d.refclassid = 'pg_class'::regclass
    WHERE a.adrelid = used.rel) AS n(rel)),
part(class, id, rel) AS (
  SELECT 'pg_attrdef'::regclass, a.oid, rel FROM used JOIN pg_attrdef a ON a.adrelid = rel
  UNION ALL SELECT 'pg_constraint'::regclass, c.oid, rel FROM used JOIN pg_constraint c ON c.conrelid = rel
  UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, rel FROM used JOIN pg_index i ON i.indrelid = rel
  UNION ALL SELECT 'pg_policy'::regclass, p.oid, rel FROM used JOIN pg_policy p ON p.polrelid = rel
  UNION ALL SELECT 'pg_rewrite'::regclass, w.oid, rel FROM used JOIN pg_rewrite w ON w.ev_class = rel)
SELECT string_agg(reason, '; ') FROM (
  SELECT DISTINCT format('the schema %I belongs to the role %I', n.nspname, pg_get_userbyid(n.nspowner))
  FROM used JOIN pg_class c ON c.oid = rel JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspowner NOT IN (SELECT role FROM trusted)
  UNION ALL
  SELECT format('%s belongs to the role %I', c.oid::regclass, pg_get_userbyid(c.relowner))
  FROM used JOIN pg_class c ON c.oid = rel WHERE c.relowner NOT IN (SELECT role FROM trusted)
  UNION ALL
  SELECT format('%s is a foreign table', c.oid::regclass)
  FROM used JOIN pg_class c ON c.oid = rel WHERE c.relkind = 'f'
  UNION ALL
  SELECT format('%s has the trigger %I', rel::regclass, tgname)
  FROM used JOIN pg_trigger ON tgrelid = rel WHERE NOT tgisinternal
  UNION ALL
  SELECT format('%s has the rule %I', rel::regclass, rulename)
  FROM used JOIN pg_class c ON c.oid = rel JOIN pg_rewrite ON ev_class = rel
  WHERE c.relkind <> 'v' OR rulename <> '_RETURN'
  UNION ALL
  SELECT DISTINCT format('%s calls %s, which belongs to the role %I',
    rel::regclass, f.oid::regprocedure, pg_get_userbyid(f.proowner))
  FROM part JOIN pg_depend d ON d.classid = class AND d.objid = part.id AND d.refclassid = 'pg_proc'::regclass
  JOIN pg_proc f ON f.oid = d.refobjid WHERE f.proowner NOT IN (SELECT role FROM trusted)
) AS r(reason)`
