// A client over gorilla/websocket for the tests of this folder. Not part of weir.
module weir.dev/tests/clients

go 1.19

require github.com/gorilla/websocket v1.5.3
