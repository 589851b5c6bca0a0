'use strict';
const initSqlJs = require('sql.js');

exports.handle = async () => {
  const { Database } = await initSqlJs();
  const db = new Database();
  db.run('create table t (a int, b text)');
  db.run('insert into t values (1, ?), (2, ?)', ['x', 'y']);
  const [{ values }] = db.exec('select sum(a), group_concat(b) from t');
  return values;
};
