// The reference in Go: net/http, on one core, the same paths as the contenders in Python.
//
// As there, a burst sends objects that were made before, and a paced chunk is made when it is due.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"
)

type item struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Price price  `json:"price"`
}

type delta struct {
	Role    *string `json:"role"`
	Content *string `json:"content"`
}

type choice struct {
	Index        int     `json:"index"`
	Delta        delta   `json:"delta"`
	FinishReason *string `json:"finish_reason"`
}

type chunk struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
}

type price float64

// Pydantic writes whole floats with a digit behind the point.
func (p price) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(p), 'f', 1, 64), nil
}

func newChunk(number int, created int64) *chunk {
	content := fmt.Sprintf(" hello %d", number)
	return &chunk{
		ID: "chatcmpl-123", Object: "chat.completion.chunk", Created: created, Model: "gpt",
		Choices: []choice{{Delta: delta{Content: &content}}},
	}
}

func stream(make func(number int, due time.Time) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		seconds, _ := strconv.ParseFloat(r.URL.Query().Get("period"), 64)
		period := time.Duration(seconds * float64(time.Second))
		w.Header().Set("Content-Type", "text/event-stream")
		flusher := w.(http.Flusher)
		due := time.Now()
		for number := 0; n == 0 || number < n; number++ {
			data, _ := json.Marshal(make(number%100, due))
			if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
				return
			}
			if period > 0 {
				flusher.Flush()
				due = due.Add(period)
				select {
				case <-r.Context().Done():
					return
				case <-time.After(time.Until(due)):
				}
			}
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	paced := func(number int, due time.Time) any { return newChunk(number, due.UnixMicro()) }
	var items, chunks [100]any
	for number := range items {
		items[number] = &item{number, fmt.Sprintf("item %d", number), price(number) * 1.5}
		chunks[number] = newChunk(number, 1_700_000_000)
	}
	constant := func(number int, _ time.Time) any { return chunks[number] }
	http.HandleFunc("/item/go", stream(func(number int, _ time.Time) any { return items[number] }))
	http.HandleFunc("/chunk/go", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("period") == "" {
			stream(constant)(w, r)
		} else {
			stream(paced)(w, r)
		}
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
