// The tables, the same in SQLite and PostgreSQL. What must never be twice is refused by the database itself.

enum Schema {
    struct Migration {
        let name: String
        let statements: [String]
    }

    /// In the order in which they are applied. A migration that was released is never changed: add another.
    static let migrations = [
        Migration(
            name: "1 stations, batches, devices, claim keys, events",
            statements: [
                """
                CREATE TABLE station (
                    name TEXT PRIMARY KEY,
                    public_key TEXT NOT NULL UNIQUE,
                    registered_at TEXT NOT NULL)
                """,
                // What all nodes of a batch have in common; '' until its first node says it. `last_serial` never goes back.
                """
                CREATE TABLE batch (
                    name TEXT PRIMARY KEY,
                    board TEXT NOT NULL,
                    firmware TEXT NOT NULL,
                    firmware_hash TEXT NOT NULL,
                    network BIGINT NOT NULL,
                    is_test SMALLINT NOT NULL CHECK (is_test IN (0, 1)),
                    last_serial BIGINT NOT NULL CHECK (last_serial >= 0),
                    created_at TEXT NOT NULL)
                """,
                """
                CREATE TABLE device (
                    batch TEXT NOT NULL REFERENCES batch (name),
                    serial BIGINT NOT NULL CHECK (serial > 0),
                    step TEXT NOT NULL CHECK (step IN ('reserved', 'written', 'verified', 'done', 'discarded')),
                    claim TEXT NOT NULL UNIQUE,
                    identity TEXT UNIQUE,
                    address TEXT UNIQUE,
                    board TEXT NOT NULL,
                    firmware TEXT NOT NULL,
                    firmware_hash TEXT NOT NULL,
                    chip TEXT NOT NULL,
                    connection TEXT NOT NULL,
                    network BIGINT NOT NULL,
                    is_test SMALLINT NOT NULL CHECK (is_test IN (0, 1)),
                    is_injected SMALLINT NOT NULL CHECK (is_injected IN (0, 1)),
                    is_protected SMALLINT NOT NULL CHECK (is_protected IN (0, 1)),
                    station TEXT NOT NULL REFERENCES station (name),
                    operator TEXT NOT NULL,
                    begun_at TEXT NOT NULL,
                    done_at TEXT,
                    outcome TEXT NOT NULL,
                    PRIMARY KEY (batch, serial),
                    CHECK (step IN ('reserved', 'discarded') OR (identity IS NOT NULL AND address IS NOT NULL)),
                    CHECK ((step = 'done') = (done_at IS NOT NULL)))
                """,
                // One chip is one real node, unless its record was discarded.
                "CREATE UNIQUE INDEX device_chip ON device (chip) WHERE chip <> '' AND is_test = 0 AND step <> 'discarded'",
                "CREATE INDEX device_station ON device (station, step)",
                // Every claim key that was ever made, so that none is used twice.
                """
                CREATE TABLE claim_key (
                    public_key TEXT PRIMARY KEY,
                    batch TEXT NOT NULL,
                    serial BIGINT NOT NULL,
                    made_at TEXT NOT NULL,
                    FOREIGN KEY (batch, serial) REFERENCES device (batch, serial))
                """,
                // What happened to each node, in order.
                """
                CREATE TABLE event (
                    batch TEXT NOT NULL,
                    serial BIGINT NOT NULL,
                    number BIGINT NOT NULL,
                    station TEXT NOT NULL,
                    happened_at TEXT NOT NULL,
                    what TEXT NOT NULL,
                    PRIMARY KEY (batch, serial, number),
                    FOREIGN KEY (batch, serial) REFERENCES device (batch, serial))
                """,
            ])
    ]
}
