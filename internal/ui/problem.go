package ui

import (
	"errors"
	"net/http"
)

// problem is an error that is a page: what happened, and how to start over.
type problem struct {
	Status            int
	Title, Text, Next string
	Code              string // the server's error code, when there is one
	Cause             error  // for the log
}

func (p *problem) Error() string {
	if p.Cause != nil {
		return p.Title + ": " + p.Cause.Error()
	}
	return p.Title
}

func (p *problem) Unwrap() error { return p.Cause }

// goBack is what nearly always helps.
const goBack = "Go back to the application that you came from and sign in there again."

// asProblem finds words for an error of an API call.
func asProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		return &problem{Status: http.StatusInternalServerError, Title: "Something went wrong here",
			Text: "The page could not be made. The server's log says why.", Next: goBack, Cause: err}
	}
	p := &problem{Status: no.Status, Text: no.Sentence(), Code: no.Code, Next: goBack, Cause: err}
	switch {
	case no.Status == http.StatusNotFound:
		p.Title = "This request is not known"
		p.Text = "It may have expired, it may belong to another server, or the address is incomplete."
	case no.Status == http.StatusConflict || no.Status == http.StatusGone:
		p.Title = "This request has been answered already"
		p.Text = "The sign-in that belongs to this page is over; perhaps it was finished in another tab."
	case no.Status >= http.StatusInternalServerError:
		p.Title = "The server cannot answer now"
		p.Next = "Wait a moment and reload this page."
	default:
		p.Title = "The server refused this"
	}
	return p
}
