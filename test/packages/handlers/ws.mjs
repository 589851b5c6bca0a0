import { WebSocket } from 'ws';

export function handle() {
  return new Promise((resolve) => {
    const socket = new WebSocket('ws://127.0.0.1:1/');
    socket.on('error', (error) => resolve({ code: error.code }));
    socket.on('open', () => resolve({ code: 'it answered' }));
  });
}
