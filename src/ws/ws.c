/* The server's side of a WebSocket. */
#include "ws/ws.h"
