import { content, list, message, text, whole } from '../protobuf.ts';

/** google.rpc.Status; `details` are typed errors, as they are. */
export const rpcStatus = message({
  code: whole(1),
  message: text(2),
  details: list(3, message({ typeUrl: text(1), value: content(2) })),
});
