// A client of weir over gorilla/websocket; ../support.mjs says what it reads and prints.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

type order struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	Say   string `json:"say"`
	Close *struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	} `json:"close"`
}

type report struct {
	Name   string `json:"name"`
	Event  string `json:"event"`
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

var printing sync.Mutex

func tell(r report) {
	line, err := json.Marshal(r)
	if err != nil {
		log.Fatal(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(line))
}

// talk returns what ended the connection.
func talk(dialer *websocket.Dialer, o order) error {
	connection, _, err := dialer.Dial(o.URL, nil)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		return err
	}
	if _, _, err := connection.ReadMessage(); err != nil {
		return err
	}
	tell(report{Name: o.Name, Event: "open"})
	if o.Say != "" {
		// An error here has its cause in what is to be read.
		_ = connection.WriteMessage(websocket.TextMessage, []byte(o.Say))
	}
	if o.Close != nil {
		message := websocket.FormatCloseMessage(o.Close.Code, o.Close.Reason)
		if err := connection.WriteControl(websocket.CloseMessage, message, time.Time{}); err != nil {
			return err
		}
	}
	for {
		if _, _, err := connection.ReadMessage(); err != nil {
			return err
		}
	}
}

func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	dialer := &websocket.Dialer{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		WriteBufferSize: 4 << 20, // a message of that size is one frame
	}

	orders := bufio.NewScanner(os.Stdin)
	orders.Buffer(nil, 1<<24)
	for orders.Scan() {
		var o order
		if err := json.Unmarshal(orders.Bytes(), &o); err != nil {
			log.Fatal(err)
		}
		go func() {
			err := talk(dialer, o)
			var end *websocket.CloseError
			if errors.As(err, &end) {
				tell(report{Name: o.Name, Event: "closed", Code: end.Code, Reason: end.Text})
			} else {
				tell(report{Name: o.Name, Event: "failed", Reason: err.Error()})
			}
		}()
	}
}
