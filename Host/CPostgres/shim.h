// libpq: records of several stations on one PostgreSQL server.
#pragma once
#include <libpq-fe.h>
