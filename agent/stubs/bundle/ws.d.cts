declare const WebSocket: { readonly setImplementation: (implementation: unknown) => void };
export = WebSocket;
