// Calls every method shape through grpc-go until standard input ends, then prints what was lost, as JSON.
//
// The arguments are the addresses of the replicas. There is no generated code: messages of the well-known types have the
// same bytes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	roundRobin = `{"loadBalancingConfig": [{"round_robin": {}}]}`
	withHealth = `{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}`
)

type counted struct {
	Name  string   `json:"name"`
	Calls int      `json:"calls"`
	Lost  []string `json:"lost"`
}

func dial(config string) *grpc.ClientConn {
	replicas := manual.NewBuilderWithScheme("replicas")
	var addresses []resolver.Address
	for _, address := range os.Args[1:] {
		addresses = append(addresses, resolver.Address{Addr: address})
	}
	replicas.InitialState(resolver.State{Addresses: addresses})
	connection, err := grpc.NewClient("replicas:///", grpc.WithResolvers(replicas),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("replicas"),
		grpc.WithDefaultServiceConfig(config))
	if err != nil {
		panic(err)
	}
	return connection
}

func ping(ctx context.Context, connection *grpc.ClientConn) error {
	var pong wrapperspb.StringValue
	if err := connection.Invoke(ctx, "/lameduck.sample.v1.Sample/Ping", &emptypb.Empty{}, &pong); err != nil {
		return err
	}
	if pong.Value != "pong" {
		return fmt.Errorf("not whole: %q", pong.Value)
	}
	return nil
}

func slow(ctx context.Context, connection *grpc.ClientConn) error {
	var answer wrapperspb.UInt64Value
	return connection.Invoke(ctx, "/lameduck.bench.v1.Bench/Slow", wrapperspb.UInt64(200), &answer)
}

func echo(ctx context.Context, connection *grpc.ClientConn) error {
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := connection.NewStream(ctx, both, "/lameduck.bench.v1.Bench/Echo")
	if err != nil {
		return err
	}
	for at := 0; at < 50; at++ {
		sent, got := wrapperspb.String(fmt.Sprint(at)), new(wrapperspb.StringValue)
		if err := stream.SendMsg(sent); err != nil {
			return fmt.Errorf("message %d: %w", at, err)
		}
		if err := stream.RecvMsg(got); err != nil {
			return fmt.Errorf("message %d: %w", at, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != io.EOF {
		return fmt.Errorf("at the end: %w", err)
	}
	return nil
}

func main() {
	type call func(context.Context, *grpc.ClientConn) error
	clients := []struct {
		name, config string
		call         call
	}{
		{"go ping", roundRobin, ping}, {"go slow", roundRobin, slow}, {"go echo", roundRobin, echo},
		{"go ping, health", withHealth, ping}, {"go slow, health", withHealth, slow},
	}
	var stop atomic.Bool
	var group sync.WaitGroup
	results := make([]counted, len(clients))
	for at, client := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			result := counted{Name: client.name}
			connection := dial(client.config)
			defer connection.Close()
			for !stop.Load() {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				result.Calls++
				if err := client.call(ctx, connection); err != nil {
					result.Lost = append(result.Lost, err.Error())
				}
				cancel()
			}
			results[at] = result
		}()
	}
	io.Copy(io.Discard, os.Stdin)
	stop.Store(true)
	group.Wait()
	json.NewEncoder(os.Stdout).Encode(results)
}
