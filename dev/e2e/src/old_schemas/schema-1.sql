-- A database as the last daemon of schema 1 left it: `.dump` of the file it wrote, with its two
-- pragmas. Never edited: this is what upgrades meet.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE t_seckill_product (
  id            INTEGER PRIMARY KEY,
  gmt_create    INTEGER NOT NULL,
  gmt_update    INTEGER NOT NULL,
  prod_id       TEXT    NOT NULL UNIQUE,
  prod_name     TEXT    NOT NULL,
  prod_status   INTEGER NOT NULL DEFAULT 0 CHECK (prod_status IN (0, 1)),
  prod_stock    INTEGER NOT NULL CHECK (0 <= prod_stock),
  prod_price    INTEGER NOT NULL CHECK (0 <= prod_price),
  version       INTEGER NOT NULL DEFAULT 0,
  initial_stock INTEGER NOT NULL CHECK (0 <= initial_stock),
  added_stock   INTEGER NOT NULL DEFAULT 0,
  sold          INTEGER NOT NULL DEFAULT 0 CHECK (0 <= sold)
) STRICT;
INSERT INTO t_seckill_product VALUES(1,1795630333820,1795630335772,'pid_0001','iphoneX2019新款',0,97,5999000,3,100,0,3);
INSERT INTO t_seckill_product VALUES(2,1795630333820,1795630335804,'pid_0002','小米9SE',0,299,1200000,1,300,0,1);
INSERT INTO t_seckill_product VALUES(3,1795630333820,1795630333820,'pid_0003','华为MATE20',0,400,2000000,0,400,0,0);
CREATE TABLE t_seckill_order (
  id            INTEGER PRIMARY KEY,
  gmt_create    INTEGER NOT NULL,
  gmt_update    INTEGER NOT NULL,
  record_status INTEGER NOT NULL DEFAULT 0 CHECK (record_status IN (0, 1)),
  order_id      TEXT    NOT NULL UNIQUE,
  order_status  INTEGER NOT NULL CHECK (order_status BETWEEN 0 AND 3),
  user_phoneno  TEXT    NOT NULL,
  prod_id       TEXT    NOT NULL,
  prod_name     TEXT    NOT NULL,
  charge_money  INTEGER,
  charge_time   INTEGER NOT NULL,
  finish_time   INTEGER,
  reason        TEXT,
  placed_at     INTEGER,
  decision_seq  INTEGER UNIQUE,
  duplicates    INTEGER NOT NULL DEFAULT 0,
  CHECK ((order_status = 3) = (reason IS NOT NULL))
) STRICT;
INSERT INTO t_seckill_order VALUES(1,1795630335687,1795630335687,0,'58919bc5-f5c9-8817-a7ef-4152738c72ed',2,'15200001001','pid_0001','iphoneX2019新款',5999000,1795630335680,NULL,NULL,1795630335687,1,0);
INSERT INTO t_seckill_order VALUES(2,1795630335747,1795630335747,0,'a347013f-0324-8d2e-9d06-9be9c87fa041',2,'15200001002','pid_0001','iphoneX2019新款',5999000,1795630335745,NULL,NULL,1795630335747,2,0);
INSERT INTO t_seckill_order VALUES(3,1795630335772,1795630335772,0,'1fecc7e2-bcbe-81dc-baa1-82b2f640161b',2,'15200001003','pid_0001','iphoneX2019新款',5999000,1795630335766,NULL,NULL,1795630335772,3,0);
INSERT INTO t_seckill_order VALUES(4,1795630335804,1795630335804,0,'655b6570-70d7-8ad0-a580-670743e4f3f7',2,'15200001004','pid_0002','小米9SE',1200000,1795630335799,NULL,NULL,1795630335804,4,0);
CREATE TABLE seckill_duplicate (
  order_id      TEXT    PRIMARY KEY,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  live_order_id TEXT    NOT NULL,
  decision_seq  INTEGER NOT NULL UNIQUE,
  decided_at    INTEGER NOT NULL
) STRICT;
CREATE TABLE seckill_queue (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  order_id      TEXT    NOT NULL UNIQUE,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  body          BLOB    NOT NULL,
  charged_at    INTEGER NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  not_before    INTEGER NOT NULL DEFAULT 0,
  last_error    TEXT
) STRICT;
CREATE TABLE seckill_dead_letter (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  origin        TEXT    NOT NULL,
  order_id      TEXT,
  prod_id       TEXT,
  user_phoneno  TEXT,
  body          BLOB    NOT NULL,
  reason        TEXT    NOT NULL,
  redeliveries  INTEGER NOT NULL,
  charged_at    INTEGER NOT NULL,
  dead_at       INTEGER NOT NULL,
  resolved_at   INTEGER,
  UNIQUE (origin, charged_at)
) STRICT;
CREATE TABLE seckill_unconfirmed (
  order_id      TEXT    PRIMARY KEY,
  body          BLOB    NOT NULL,
  prod_id       TEXT    NOT NULL,
  user_phoneno  TEXT    NOT NULL,
  charged_at    INTEGER NOT NULL,
  since         INTEGER NOT NULL,
  tries         INTEGER NOT NULL,
  cause         TEXT    NOT NULL
) STRICT;
CREATE TABLE seckill_counter (
  name          TEXT    PRIMARY KEY,
  value         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO seckill_counter VALUES('placed',4);
CREATE TABLE seckill_meta (
  key           TEXT    PRIMARY KEY,
  value         BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO seckill_meta VALUES('order_id_key',X'626402a39a6ad5a4321e17dd2ca6df96d61b9334a93801d4f8dd81b201beeac2');
INSERT INTO seckill_meta VALUES('store_id',X'62346239393463382d326236642d346266322d396430302d363838313161343164633433');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('seckill_queue',4);
CREATE UNIQUE INDEX one_live_order ON t_seckill_order (prod_id, user_phoneno)
  WHERE record_status = 0 AND order_status IN (0, 2);
CREATE INDEX failed_orders ON t_seckill_order (prod_id, user_phoneno) WHERE order_status = 3;
CREATE INDEX queued_orders ON seckill_queue (prod_id, user_phoneno);
CREATE INDEX open_dead_letters ON seckill_dead_letter (prod_id, user_phoneno)
  WHERE resolved_at IS NULL;
-- What that daemon would have left had it been killed at work, by hand.
INSERT INTO t_seckill_order VALUES(5,1795630335900,1795630335900,0,'old-failed',3,'15200001005','pid_0001','iphoneX2019新款',1000,1795630335890,1795630335900,'price_differs',NULL,5,0);
INSERT INTO seckill_duplicate VALUES('old-twice','pid_0001','15200001001','58919bc5-f5c9-8817-a7ef-4152738c72ed',6,1795630335901);
INSERT INTO seckill_queue (order_id, prod_id, user_phoneno, body, charged_at) VALUES('e867be78-a429-829b-a25f-45d917bc9daf','pid_0001','15200001006',CAST('{"header":{"version":"1.0","topicName":"SECKILL_CHARGE_ORDER_TOPIC"},"body":{"orderId":"e867be78-a429-829b-a25f-45d917bc9daf","userPhoneNo":"15200001006","prodId":"pid_0001","chargeMoney":"5999.000"}}' AS BLOB),1795630335902);
INSERT INTO seckill_unconfirmed VALUES('f15e4ad3-27a2-81e1-96e0-95fd0e7470e7',CAST('{"header":{"version":"1.0","topicName":"SECKILL_CHARGE_ORDER_TOPIC"},"body":{"orderId":"f15e4ad3-27a2-81e1-96e0-95fd0e7470e7","userPhoneNo":"15200001007","prodId":"pid_0001","chargeMoney":"5999.000"}}' AS BLOB),'pid_0001','15200001007',1795630335903,1795630335904,1,'no answer');
INSERT INTO seckill_dead_letter (origin, order_id, prod_id, user_phoneno, body, reason, redeliveries, charged_at, dead_at) VALUES('embedded@9','9a9ff107-5e2b-82a3-96e1-1da4bf09c715','pid_0001','15200001008',CAST('{"header":{"version":"1.0","topicName":"SECKILL_CHARGE_ORDER_TOPIC"},"body":{"orderId":"9a9ff107-5e2b-82a3-96e1-1da4bf09c715","userPhoneNo":"15200001008","prodId":"pid_0001","chargeMoney":"5999.000"}}' AS BLOB),'poisonous',16,1795630335905,1795630335999);
PRAGMA application_id=1397442892;
PRAGMA user_version=1;
COMMIT;
